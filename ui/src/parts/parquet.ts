// The first rows of a Parquet file, of which no more is read than they need.
import { decompress } from "fzstd";
import { parquetMetadataAsync, parquetRead, parquetSchema } from "hyparquet";
import type { Rows } from "./sheet.tsx";

const ROWS = 1000;

/** A value as text: JSON for what is nested. */
function written(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (value instanceof Date)
    return Number.isNaN(value.getTime()) ? "" : value.toISOString().replace(/T00:00:00\.000Z$|\.000Z$/, "");
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (typeof value === "object")
    return JSON.stringify(value, (_, each) => (typeof each === "bigint" ? String(each) : each));
  return String(value);
}

/** `slice` reads bytes from a place to before another. */
export async function read(
  byteLength: number,
  slice: (start: number, end: number) => Promise<ArrayBuffer>,
): Promise<Rows> {
  const file = { byteLength, slice: (start: number, end = byteLength) => slice(start, end) };
  const metadata = await parquetMetadataAsync(file);
  const header = parquetSchema(metadata).children.map((each) => each.element.name);
  const total = Number(metadata.num_rows);
  let rows: unknown[][] = [];
  if (total) {
    // Snappy is built in; gzip, brotli and LZ4 are rare.
    const compressors = { ZSTD: (input: Uint8Array, length: number) => decompress(input, new Uint8Array(length)) };
    await parquetRead({
      file,
      metadata,
      compressors,
      rowStart: 0,
      rowEnd: Math.min(ROWS, total),
      onComplete: (found) => (rows = found as unknown[][]),
    });
  }
  return { header, rows: rows.map((row) => row.map(written)), total };
}
