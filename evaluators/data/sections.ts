// Cuts one long text into documents at paragraph boundaries, so that a corpus of few files can still be
// split into training and validation by document.

const NEWLINE = 0x0a;
const SPACE = 0x20;
const MIN_SECTION_BYTES = 2 << 10;
const MAX_SECTION_BYTES = 16 << 10;
/** A text is cut into about this many sections where the limits on their size allow it. */
const N_SECTIONS = 64;

/**
 * Consecutive sections that together are exactly `text`. A section ends at the first paragraph end (a blank line)
 * past its target size, else at a line end, else at a blank, else between two characters, at most at twice the target.
 */
export function cutIntoSections(text: Uint8Array): Uint8Array[] {
  const target = sectionBytes(text.length);
  const sections: Uint8Array[] = [];
  let start = 0;
  // A rest shorter than half a section joins the one before it.
  while (text.length - start > target * 1.5) {
    const end = sectionEnd(text, start + target, Math.min(start + 2 * target, text.length));
    sections.push(text.subarray(start, end));
    start = end;
  }
  if (start < text.length) sections.push(text.subarray(start));
  return sections;
}

/** The target size: a 64th of the text between 2 KiB and 16 KiB, and less where a small text would give too few. */
function sectionBytes(textBytes: number): number {
  const target = Math.min(MAX_SECTION_BYTES, Math.max(MIN_SECTION_BYTES, textBytes / N_SECTIONS));
  return Math.max(16, Math.floor(Math.min(target, textBytes / 8)));
}

/** A cut in (from, limit]: the best kind of boundary, and of that kind the first. */
function sectionEnd(text: Uint8Array, from: number, limit: number): number {
  let lineEnd = 0;
  let wordEnd = 0;
  for (let i = from; i < limit; i++) {
    const byte = text[i]!;
    if (byte === NEWLINE) {
      if (isBlankBefore(text, i)) return i + 1;
      lineEnd ||= i + 1;
    } else if (byte === SPACE) wordEnd ||= i + 1;
  }
  if (lineEnd > 0) return lineEnd;
  if (wordEnd > 0) return wordEnd;
  let end = limit;
  while (end > from + 1 && end < text.length && (text[end]! & 0xc0) === 0x80) end--;
  return end;
}

/** True where the line that ends at the newline `at` holds nothing but blanks. */
function isBlankBefore(text: Uint8Array, at: number): boolean {
  let i = at - 1;
  while (i >= 0 && (text[i] === SPACE || text[i] === 0x09 || text[i] === 0x0d)) i--;
  return i >= 0 && text[i] === NEWLINE;
}
