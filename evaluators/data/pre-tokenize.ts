// GPT-2's pre-tokenisation, on bytes: merges never cross a word's edge. For valid UTF-8 the pieces are those of
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// (Radford et al. 2019, encoder.py), which is also what a tokenizer.json with `ByteLevel` and `use_regex` does.
// A byte that is not part of a valid character counts as a sign, so that any bytes at all can be cut.

const SIGN = 0;
const LETTER = 1;
const NUMBER = 2;
const BLANK = 3;
const UNKNOWN = 4;

/** The class of each code point that was met so far, of the basic plane, filled on first sight. */
const classes = new Uint8Array(0x10000).fill(UNKNOWN);
/** Bytes of the last character that `classAt` looked at. */
let width = 1;

/** Calls `onPiece` with the edges of each piece of `text`, in order; together they cover it. */
export function preTokenize(text: Uint8Array, onPiece: (start: number, end: number) => void): void {
  let start = 0;
  while (start < text.length) {
    const end = pieceEnd(text, start);
    onPiece(start, end);
    start = end;
  }
}

function pieceEnd(text: Uint8Array, start: number): number {
  const suffix = contractionEnd(text, start);
  if (suffix > 0) return suffix;
  const first = classAt(text, start);
  if (first !== BLANK) return runEnd(text, start, first);
  if (text[start] === 0x20 && start + 1 < text.length) {
    const next = classAt(text, start + 1);
    if (next !== BLANK) return runEnd(text, start + 1, next);
  }
  return blanksEnd(text, start);
}

/** The end of 's, 't, 'm, 'd, 're, 've or 'll at `start`, or 0. */
function contractionEnd(text: Uint8Array, start: number): number {
  if (text[start] !== 0x27) return 0;
  const a = text[start + 1];
  if (a === 0x73 || a === 0x74 || a === 0x6d || a === 0x64) return start + 2;
  const b = text[start + 2];
  if ((a === 0x72 || a === 0x76) && b === 0x65) return start + 3;
  return a === 0x6c && b === 0x6c ? start + 3 : 0;
}

/** The end of the run of characters of one class. */
function runEnd(text: Uint8Array, start: number, wanted: number): number {
  let end = start;
  while (end < text.length && classAt(text, end) === wanted) end += width;
  return end;
}

/** The end of a run of blanks, less its last one where a word follows that may take it along. */
function blanksEnd(text: Uint8Array, start: number): number {
  let end = start;
  let last = start;
  while (end < text.length && classAt(text, end) === BLANK) {
    last = end;
    end += width;
  }
  return end === text.length || last === start ? end : last;
}

/** The class of the character at `at`; sets `width`. */
function classAt(text: Uint8Array, at: number): number {
  const lead = text[at]!;
  const code = lead < 0x80 ? lead : codePointAt(text, at, lead);
  if (lead < 0x80) width = 1;
  if (code < 0) return SIGN;
  if (code > 0xffff) return classify(code);
  const known = classes[code]!;
  if (known !== UNKNOWN) return known;
  const found = classify(code);
  classes[code] = found;
  return found;
}

/** Decodes two to four bytes; sets `width`. -1 for what is not UTF-8, one byte wide. */
function codePointAt(text: Uint8Array, at: number, lead: number): number {
  const length = lead < 0xc2 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 1;
  width = 1;
  if (length === 1 || at + length > text.length) return -1;
  let code = lead & (0xff >> (length + 1));
  for (let i = 1; i < length; i++) {
    const byte = text[at + i]!;
    if ((byte & 0xc0) !== 0x80) return -1;
    code = (code << 6) | (byte & 0x3f);
  }
  const isOverlong = code < (length === 3 ? 0x800 : length === 4 ? 0x10000 : 0x80);
  if (isOverlong || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return -1;
  width = length;
  return code;
}

function classify(code: number): number {
  const character = String.fromCodePoint(code);
  if (/\p{L}/u.test(character)) return LETTER;
  if (/\p{N}/u.test(character)) return NUMBER;
  return /\p{White_Space}/u.test(character) ? BLANK : SIGN;
}
