// The icons: paths of a pen on 16 by 16 units.
const PATHS: Record<string, string> = {
  search: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10Zm3.600-1.400L14 14",
  close: "m4 4 8 8m0-8-8 8",
  check: "m3.500 8.500 3 3 6-7",
  down: "m4.500 6.500 3.500 3.500 3.500-3.500",
  left: "m9.500 4.500-3.500 3.500 3.500 3.500",
  right: "m6.500 4.500 3.500 3.500-3.500 3.500",
  sortUp: "M8 13V3.500M4 7l4-4 4 4",
  sortDown: "M8 3v9.500M4 9l4 4 4-4",
  columns: "M2.500 3h11v10h-11zM6.200 3v10m3.600-10v10",
  more: "M3.500 8h.01M8 8h.01M12.500 8h.01",
  sun:
    "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6Zm0-9.500v1m0 11v1M1.500 8h1m11 0h1M3.400 3.400l.7.7m7.800 7.80" +
    "0.7.7m0-9.200-.7.7m-7.800 7.800-.7.7",
  settings:
    "M2 4.500h6m4 0h2M2 11.500h2m4 0h6M10 6.500a2 2 0 1 0 0-4 2 2 0 0 0 0 4Zm-4 7a2 2 0 1 0 0-4 2 2 0" + " 0 0 0 4Z",
  help:
    "M6 6a2 2 0 1 1 2.800 1.900c-.5.300-.8.6-.8 1.200v.4M8 12h.01M8 14.500a6.500 6.500 0 1 0 0-13 6.5" +
    "00 6.500 0 0 0 0 13Z",
  user: "M8 8a3 3 0 1 0 0-6 3 3 0 0 0 0 6Zm-5.500 6c.5-3 2.500-4.500 5.500-4.500s5 1.500 5.500 4.500",
  folder: "M2 12.500v-9h4l1.500 2H14v7z",
  file: "M4 1.500h5L12.500 5v9.500H4zM9 1.500V5h3.500",
  download: "M8 2v8m-3.500-3L8 10.500 11.500 7M2.500 13.500h11",
  copy: "M5.500 5.500v-3h8v8h-3m-8-5h8v8h-8z",
  edit: "m3 13 .6-2.800 7-7L13 5.500l-7 7zM9.500 4.300l2.300 2.300",
  trash: "M3 4.500h10M6.500 4.500v-2h3v2m-5 0 .6 9h5.800l.6-9",
  restore: "M3 8a5 5 0 1 0 1.500-3.500L3 6m0-3v3h3",
  plus: "M8 3v10M3 8h10",
  full: "M2.500 6V2.500H6m4 0h3.500V6m0 4v3.500H10m-4 0H2.500V10",
  table: "M2 3h12v10H2zm0 3.500h12M6 6.500V13",
  chart: "M2.500 2v11.500H14M5 10l2.500-3.500 2 2L13 4",
  split: "M2 3h12v10H2zm5 0v10",
  parallel: "M3 2v12m5-12v12m5-12v12M3 4.500l5 6 5-4",
  bookmark: "M4.500 2.500h7v11L8 10.500l-3.500 3z",
  pin: "M6 2h4l-.5 4.500L12 9H4l2.500-2.500zM8 9v5",
  out: "M6.500 2.500h-4v11h4M6 8h8m-3-3 3 3-3 3",
  pause: "M5.500 3v10m5-10v10",
  play: "M5 3v10l8-5z",
  tag: "M2.500 2.500H8l5.500 5.500L8 13.500 2.500 8zM5.500 5.500h.01",
  compare: "M5 2.500v11m6-11v11M2 5.500h6m0 5h6",
  warning: "M8 2 1.500 13.500h13zM8 6.500v3M8 11.700h.01",
  finished: "M8 14.500a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13ZM5 8.300l2 2L11 6",
  failed: "M8 14.500a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13ZM5.800 5.800l4.400 4.400m0-4.400-4.400 4" + ".400",
  killed: "M8 14.500a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13ZM5.500 5.500h5v5h-5z",
  scheduled: "M8 14.500a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13ZM8 4.500V8l2.500 1.500",
};

export function Icon({ name, size = 16 }: { name: string; size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      stroke-width={name === "more" ? 2 : 1.4}
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
