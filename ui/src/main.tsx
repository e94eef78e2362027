// The entry of the pages: what the document loads first.
import "./shared.ts";
