// Numbers with units, for people: the terminal and the page write them alike.

const BINARY_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
const DECIMAL_UNITS = ['', 'K', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y'];

/**
 * Three significant digits, without an exponent where that stays short: `0.0123`, `1.23`, `123`, `12345`.
 * @param {number} value
 */
export function formatNumber(value, digits = 3) {
  if (value === 0) return '0';
  const magnitude = Math.abs(value);
  if (magnitude < 1e-4 || magnitude >= 1e9) return value.toExponential(digits - 1);
  if (magnitude >= 10 ** digits) return Math.round(value).toString();
  return Number(value.toPrecision(digits)).toString();
}

/** @param {number} value @param {number} base @param {readonly string[]} units */
function scaled(value, base, units) {
  let magnitude = Math.abs(value);
  let at = 0;
  // 999.5 would be rounded to 1000 of the smaller unit.
  while (magnitude >= (base === 1000 ? 999.5 : 1023.5) && at < units.length - 1) {
    magnitude /= base;
    at++;
  }
  const number = at === 0 ? formatNumber(magnitude) : magnitude.toPrecision(magnitude >= 1000 ? 4 : 3);
  return `${value < 0 ? '-' : ''}${number} ${units[at]}`.trimEnd();
}

/** `512 B`, `1.50 GiB`; multiples of 1024. @param {number} bytes */
export function formatBytes(bytes) {
  return scaled(bytes, 1024, BINARY_UNITS);
}

/** `950`, `6.74 G`; multiples of 1000. @param {number} count */
export function formatCount(count) {
  return scaled(count, 1000, DECIMAL_UNITS);
}

const SMALL_PREFIXES = /** @type {const} */ ([
  [1e-9, 'n'],
  [1e-6, 'µ'],
  [1e-3, 'm'],
  [1, ''],
]);

/** Three digits with the prefix that fits, from nano to none. @param {number} value @param {string} unit */
function withSmallPrefix(value, unit) {
  const magnitude = Math.abs(value);
  if (magnitude === 0) return `0 ${unit}`;
  // 999.5 would be rounded to 1000 of the smaller unit.
  const [factor, prefix] = SMALL_PREFIXES.find(([each]) => magnitude < 999.5 * each) ?? [1, ''];
  const text = magnitude < 999.5 ? (value / factor).toPrecision(3) : String(Math.round(value));
  return `${text} ${prefix}${unit}`;
}

/** `12.3 µs`, `4.56 ms`, `7.89 s`. @param {number} seconds */
export function formatSeconds(seconds) {
  return withSmallPrefix(seconds, 's');
}

/** `504 µJ`, `196 mJ`, `2.10 J`. @param {number} joules */
export function formatJoules(joules) {
  return withSmallPrefix(joules, 'J');
}

/** Waiting time: `45 s`, `3 min 20 s`, `2 h 05 min`. @param {number} seconds */
export function formatDuration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')} min`;
}

/** `12.3 %`. @param {number} share */
export function formatShare(share) {
  const percent = share * 100;
  if (percent === 0) return '0 %';
  return `${Math.abs(percent) < 0.1 ? Number(percent.toPrecision(1)) : percent.toFixed(1)} %`;
}

/** `683 tok/s`, `1177 tok/s`, `253 K tok/s`. @param {number} tokensPerSecond */
export function formatRate(tokensPerSecond) {
  return `${tokensPerSecond < 1e4 ? formatNumber(tokensPerSecond) : formatCount(tokensPerSecond)} tok/s`;
}

/** A value in the unit of its metric; a bare number where the unit is none of the known ones. @param {string} unit @param {number} value */
export function formatQuantity(unit, value) {
  switch (unit) {
    case 'bitsPerByte':
      return value.toFixed(4);
    case 'seconds':
      return formatSeconds(value);
    case 'bytes':
      return formatBytes(value);
    case 'count':
      return formatCount(value);
    case 'tokensPerSecond':
      return formatRate(value);
    case 'joules':
      return formatJoules(value);
    case 'dollars':
      return `$${formatNumber(value)}`;
    default:
      return formatNumber(value, 4);
  }
}
