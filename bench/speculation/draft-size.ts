// LLaMA2-7B on AI 100 Ultra with drafts: the speed-up over draft size at several laws of acceptance, as a picture (a
// large draft is slow, a small one is rejected), and what the founding article's draft of 450M needs, as a table.
import { SIZE_SLOPE } from '../../evaluators/speculation/expected-acceptance.ts';
import {
  breakEvenAcceptance,
  estimateSpeculation,
  loadAccelerator,
  uniformDeployment,
} from '../../hardware/index.ts';
import { type Architecture, countParameters } from '../../space/architecture.ts';
import type { WeightFormat } from '../../space/number-formats.ts';
import { MODELS } from '../hardware/models.ts';

const ULTRA = loadAccelerator('qualcomm-ai100-ultra');
const WORKLOAD = { batch: 1, promptTokens: 128, generatedTokens: 896 } as const;
const TARGET = MODELS['llama-7b'];
const LAWS = [0.6, 0.7, 0.8];
const COLOURS = ['#1f6fb2', '#c2571a', '#3c8a4b'];
const FORMATS: readonly WeightFormat[] = ['fp16', 'mxfp6-e2m3'];

/** Llama-like drafts, depth growing with width. */
const DRAFTS: readonly Architecture[] = [256, 384, 512, 640, 768, 1024, 1280, 1536, 2048, 2560, 3072].map(
  (dModel) => ({
    dModel,
    headDim: 64,
    vocabSize: 32_000,
    contextLength: 4096,
    tieEmbeddings: false,
    ropeTheta: 10_000,
    layers: Array.from({ length: Math.round(dModel / 128) }, () => ({
      nHeads: dModel / 64,
      nKvHeads: dModel / 64,
      dFf: Math.round((8 * dModel) / 3 / 64) * 64,
    })),
  }),
);

interface Point {
  readonly parameters: number;
  readonly speedup: number;
  readonly draftLength: number;
}

function curve(atTenth: number, weightFormat: WeightFormat): Point[] {
  const total = countParameters(TARGET);
  return DRAFTS.map((architecture) => {
    const parameters = countParameters(architecture);
    const logit = Math.log(atTenth / (1 - atTenth)) + SIZE_SLOPE * Math.log((10 * parameters) / total);
    const { speedup, draftLength } = estimateSpeculation({
      target: {
        architecture: TARGET,
        deployment: uniformDeployment(TARGET.layers.length, { weightFormat }),
        accelerator: ULTRA,
        workload: WORKLOAD,
      },
      draft: { architecture, deployment: uniformDeployment(architecture.layers.length, { weightFormat }) },
      acceptance: 1 / (1 + Math.exp(-logit)),
    });
    return { parameters, speedup, draftLength };
  });
}

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [760, 440, 60, 24, 48, 56];
const [X_MIN, X_MAX, Y_MIN, Y_MAX] = [Math.log10(1.5e7), Math.log10(4e9), 0.8, 2.8];
const x = (parameters: number) =>
  LEFT + ((Math.log10(parameters) - X_MIN) / (X_MAX - X_MIN)) * (WIDTH - LEFT - RIGHT);
const y = (speedup: number) =>
  HEIGHT - BOTTOM - ((speedup - Y_MIN) / (Y_MAX - Y_MIN)) * (HEIGHT - TOP - BOTTOM);

function axes(): string[] {
  const lines: string[] = [];
  for (const parameters of [3e7, 1e8, 3e8, 1e9, 3e9]) {
    const label = parameters < 1e9 ? `${parameters / 1e6}M` : `${parameters / 1e9}B`;
    lines.push(
      `<line x1="${x(parameters).toFixed(1)}" y1="${TOP}" x2="${x(parameters).toFixed(1)}" y2="${HEIGHT - BOTTOM}" stroke="#ddd"/>`,
      `<text x="${x(parameters).toFixed(1)}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${label}</text>`,
    );
  }
  for (let value = 1; value <= Y_MAX; value += 0.5) {
    lines.push(
      `<line x1="${LEFT}" y1="${y(value).toFixed(1)}" x2="${WIDTH - RIGHT}" y2="${y(value).toFixed(1)}" stroke="${value === 1 ? '#888' : '#ddd'}"/>`,
      `<text x="${LEFT - 8}" y="${(y(value) + 4).toFixed(1)}" text-anchor="end">${value.toFixed(1)}</text>`,
    );
  }
  return lines;
}

function curves(): string[] {
  const lines: string[] = [];
  for (const [i, law] of LAWS.entries()) {
    for (const format of FORMATS) {
      const points = curve(law, format);
      const path = points.map(
        ({ parameters, speedup }) => `${x(parameters).toFixed(1)},${y(speedup).toFixed(1)}`,
      );
      const dash = format === 'fp16' ? '' : ' stroke-dasharray="6 4"';
      lines.push(
        `<polyline points="${path.join(' ')}" fill="none" stroke="${COLOURS[i]}" stroke-width="2"${dash}/>`,
      );
      const best = points.reduce((a, b) => (b.speedup > a.speedup ? b : a));
      const [bx, by] = [x(best.parameters), y(best.speedup)];
      lines.push(`<circle cx="${bx.toFixed(1)}" cy="${by.toFixed(1)}" r="4" fill="${COLOURS[i]}"/>`);
    }
    lines.push(
      `<text x="${WIDTH - RIGHT - 250}" y="${TOP + 10 + 16 * i}" fill="${COLOURS[i]}">acceptance ${law} at a tenth of the size</text>`,
    );
  }
  return lines;
}

export function draftSizePicture(): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" font-family="system-ui, sans-serif" font-size="13">
<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>
<text x="${LEFT}" y="26" font-size="15">Speed-up over draft size: LLaMA2-7B on AI 100 Ultra, best draft length at each point</text>
${axes().join('\n')}
<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 14}" text-anchor="middle">draft parameters; solid FP16, dashed MXFP6 (both models); dots: the best size</text>
${curves().join('\n')}
</svg>
`;
}

/** The claimed speed-up of a 450M draft. */
const CLAIMED = 1.8;

/** A row for each pair of formats and price of verification: what the article's draft needs, and what it would give. */
export function articleDraftRows(): (string | number)[][] {
  const draft = MODELS['draft-450m'];
  const deployed = ({ layers }: Architecture, weightFormat: WeightFormat) =>
    uniformDeployment(layers.length, { weightFormat });
  return FORMATS.flatMap((targetFormat) =>
    FORMATS.filter((format) => targetFormat !== 'fp16' || format === 'fp16').flatMap((draftFormat) =>
      [undefined, 0].map((verifySlope) => {
        const input = {
          target: {
            architecture: TARGET,
            deployment: deployed(TARGET, targetFormat),
            accelerator: ULTRA,
            workload: WORKLOAD,
          },
          draft: { architecture: draft, deployment: deployed(draft, draftFormat) },
          ...(verifySlope === undefined ? {} : { verifySlope }),
        };
        const at = (acceptance: number) => estimateSpeculation({ ...input, acceptance });
        let [low, high] = [0, 1];
        for (let i = 0; i < 40; i++) {
          const middle = (low + high) / 2;
          if (at(middle).speedup < CLAIMED) low = middle;
          else high = middle;
        }
        const needed = at(high);
        const isReached = needed.speedup >= CLAIMED * 0.999;
        const { target, draftSecondsPerToken } = needed;
        return [
          targetFormat,
          draftFormat,
          verifySlope === 0 ? 'roofline' : 'measured',
          (1000 * target.decodeSecondsPerToken).toFixed(1),
          (draftSecondsPerToken / target.decodeSecondsPerToken).toFixed(3),
          breakEvenAcceptance(input)?.toFixed(2) ?? '-',
          isReached ? high.toFixed(2) : '-',
          isReached ? needed.draftLength : '-',
          ...[0.6, 0.7, 0.8].map((a) => `${at(a).speedup.toFixed(2)} (${at(a).draftLength})`),
        ];
      }),
    ),
  );
}
