import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  fittingColumns,
  formatBytes,
  formatChange,
  formatCount,
  formatCsv,
  formatDuration,
  formatJoules,
  formatLayers,
  formatMetric,
  formatNumber,
  formatRate,
  formatSeconds,
  formatShare,
  formatTable,
  plural,
  wrapText,
} from '../../runs/format.ts';
import { METRICS } from '../../space/metrics.ts';

describe('numbers with units', () => {
  it.each([
    [0, '0'],
    [0.01234, '0.0123'],
    [1.2345, '1.23'],
    [123.45, '123'],
    [12345.6, '12346'],
    [-2.5, '-2.5'],
    [0.00001234, '1.23e-5'],
    [1.5e12, '1.50e+12'],
  ])('%d is %s', (value, text) => expect(formatNumber(value)).toBe(text));

  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1023.6, '1.00 KiB'],
    [1536, '1.50 KiB'],
    [16 * 2 ** 30, '16.0 GiB'],
    [1023.9 * 2 ** 20, '1.00 GiB'],
    [-2048, '-2.00 KiB'],
  ])('%d bytes are %s', (value, text) => expect(formatBytes(value)).toBe(text));

  it.each([
    [950, '950'],
    [999.6, '1.00 K'],
    [6_738_415_616, '6.74 G'],
  ])('%d are %s', (value, text) => expect(formatCount(value)).toBe(text));

  it.each([
    [0, '0 s'],
    [2.5e-9, '2.50 ns'],
    [1.234e-5, '12.3 µs'],
    [9.9999e-4, '1.00 ms'],
    [0.9996, '1.00 s'],
    [-0.002, '-2.00 ms'],
    [0.00456, '4.56 ms'],
    [7.891, '7.89 s'],
    [4000.4, '4000 s'],
  ])('%d s are %s', (value, text) => expect(formatSeconds(value)).toBe(text));

  it.each([
    [682.9, '683 tok/s'],
    [1177.2, '1177 tok/s'],
    [252_701, '253 K tok/s'],
  ])('a rate of %d is %s', (value, text) => expect(formatRate(value)).toBe(text));

  it.each([
    [0, '0 J'],
    [0.000504, '504 µJ'],
    [0.1961, '196 mJ'],
    [0.33, '330 mJ'],
    [2.1, '2.10 J'],
    [12345, '12345 J'],
  ])('%d J are %s', (value, text) => expect(formatJoules(value)).toBe(text));

  it.each([
    [45.2, '45 s'],
    [200, '3 min 20 s'],
    [7500, '2 h 05 min'],
    [-3, '0 s'],
  ])('%d s of waiting are %s', (value, text) => expect(formatDuration(value)).toBe(text));

  it.each([
    [0, '0 %'],
    [0.00042, '0.04 %'],
    [0.0123, '1.2 %'],
    [0.5, '50.0 %'],
    [1, '100.0 %'],
  ])('a share of %d is %s', (value, text) => expect(formatShare(value)).toBe(text));

  it('knows the unit of a metric and what is unknown', () => {
    expect(formatMetric(METRICS, 'loss', 2.123456)).toBe('2.1235');
    expect(formatMetric(METRICS, 'price', 0.5)).toBe('$0.5');
    expect(formatMetric(METRICS, 'price', undefined)).toBe('-');
  });
});

describe('tables', () => {
  it('align numbers to the right and end without blanks', () => {
    const columns = [
      { heading: 'name', align: 'left' as const },
      { heading: 'n' },
      { heading: 'note', align: 'left' as const },
    ];
    expect(
      formatTable(columns, [
        ['a', '10', 'x'],
        ['long', '5', ''],
      ]),
    ).toBe(['name   n  note', 'a     10  x', 'long   5'].join('\n'));
  });

  it('as CSV quote what needs it', () => {
    expect(
      formatCsv(
        ['a', 'b'],
        [
          [1, 'x,y'],
          [2, 'say "hi"\n'],
        ],
      ),
    ).toBe('a,b\n1,"x,y"\n2,"say ""hi""\n"');
  });

  it('shorten layers that are all alike', () => {
    expect([formatLayers([4, 4, 4]), formatLayers([4, 2]), formatLayers([4])]).toEqual(['4 x3', '4,2', '4']);
  });
});

describe('tables on a terminal', () => {
  const columns = [
    { heading: 'n' },
    { heading: 'name', align: 'left', canShrink: true },
    { heading: 'kind', align: 'left', canShrink: true },
  ] as const;
  const rows = [
    ['1', 'a name of some length', 'short'],
    ['22', 'x', 'a kind that is longer still'],
  ];

  it('are cut where they can be, the widest column first, and never below what a heading needs', () => {
    const whole = formatTable(columns, rows);
    expect(formatTable(columns, rows, 200)).toBe(whole);
    for (const room of [50, 40, 30, 24]) {
      const lines = formatTable(columns, rows, room).split('\n');
      for (const line of lines) expect(line.length).toBeLessThanOrEqual(room);
      expect(lines.join()).toContain('…');
    }
    expect(formatTable(columns, rows, 5).split('\n')[0]).toBe(' n  name      kind');
  });

  it('leave columns out, in the order that is said, until the others fit', () => {
    expect(fittingColumns(columns, rows, 200, ['kind', 'name'])).toEqual([0, 1, 2]);
    expect(fittingColumns(columns, rows, 14, ['kind', 'name'])).toEqual([0, 1]);
    expect(fittingColumns(columns, rows, 14, ['name', 'kind'])).toEqual([0, 2]);
    expect(fittingColumns(columns, rows, 3, ['kind', 'name'])).toEqual([0]);
    expect(fittingColumns(columns, rows, 1, [])).toEqual([0, 1, 2]);
  });
});

describe('prose on a terminal', () => {
  it('breaks between words and indents what follows', () => {
    expect(wrapText('costs on a card, batch 1', 10, 2)).toBe('costs on a\n  card,\n  batch 1');
    expect(wrapText('one line', 80, 2)).toBe('one line');
    expect(wrapText('  indented already, and long', 20, 4)).toBe('  indented already,\n    and long');
  });

  it('never runs over its width but for words that are longer, and loses nothing', () => {
    fc.assert(
      fc.property(
        fc.array(fc.stringMatching(/^[a-z]{1,12}$/), { minLength: 1 }),
        fc.integer({ min: 8, max: 60 }),
        fc.integer({ min: 0, max: 6 }),
        (words, width, indent) => {
          const lines = wrapText(words.join(' '), width, indent).split('\n');
          for (const line of lines) {
            if (line.trim().includes(' ')) expect(line.length).toBeLessThanOrEqual(width);
          }
          expect(lines.map((line) => line.trim()).join(' ')).toBe(words.join(' '));
        },
      ),
    );
  });
});

describe('changes and counts', () => {
  it.each([
    [1, 1.5, '+50.0 %'],
    [2, 1.9, '-5.0 %'],
    [1, 2, 'x2'],
    [100, 12, 'x0.12'],
    [4.3413, 4.3401, '-0.03 %'],
    [3, 3, 'same'],
    [0, 3, '-'],
    [undefined, 3, '-'],
  ])('from %s to %s: %s', (from, to, text) => {
    expect(formatChange(from, to)).toBe(text);
  });

  it('count with the right ending', () => {
    expect([1, 2, 0].map((n) => plural(n, 'layer'))).toEqual(['1 layer', '2 layers', '0 layers']);
  });
});
