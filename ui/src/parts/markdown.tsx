// Markdown as safe HTML: nothing of a note runs, and nothing is fetched because of it.
import "../shared.ts"; // see there
import DOMPurify from "dompurify";
import { marked } from "marked";
import { useMemo } from "preact/hooks";

DOMPurify.addHook("afterSanitizeAttributes", (element) => {
  if (element.tagName === "A") {
    element.setAttribute("target", "_blank");
    element.setAttribute("rel", "noopener noreferrer nofollow");
  }
  // Images of other origins would tell them who reads; the policy of the page forbids them anyway.
  const source = element.getAttribute("src");
  if (source && !source.startsWith("data:image/")) element.removeAttribute("src");
});

// HTML within Markdown is shown as it was written: even a document that nobody sees would report its
// event handlers as violations of the policy.
const escaped = (text: string) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
marked.use({ renderer: { html: ({ text }) => escaped(text) } });

const ALLOWED = (
  "a b blockquote br code dd del details dl dt em h1 h2 h3 h4 h5 h6 hr i img input kbd li ol p pre s " +
  "strong sub summary sup table tbody td th thead tr ul"
).split(" ");

export function safe(text: string): string {
  const html = marked.parse(text, { async: false, gfm: true, breaks: true });
  return DOMPurify.sanitize(html, {
    ALLOWED_TAGS: ALLOWED,
    ALLOWED_ATTR: ["href", "src", "alt", "title", "align", "checked", "disabled", "type", "start", "target", "rel"],
    ALLOW_DATA_ATTR: false,
  }).replaceAll(/<(\/?)h([1-4])/g, (_, end, level) => `<${end}h${Number(level) + 2}`);
}

export function Markdown({ text }: { text: string }) {
  const html = useMemo(() => safe(text), [text]);
  return <div class="prose" dangerouslySetInnerHTML={{ __html: html }} />;
}
