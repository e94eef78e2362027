// What the start of the pages and the parts that are loaded on demand have in common. Each of those parts
// imports this module, so that all of it becomes one file: see build.mjs. A start of two files would cost
// a request, a part that brings its own copy of what is there would cost bytes.
import "./frame.tsx";
