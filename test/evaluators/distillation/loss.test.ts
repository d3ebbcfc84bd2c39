import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { type DistillationLoss, distillationLoss } from '../../../evaluators/distillation/loss.ts';
import { eagerEngine } from '../../../evaluators/engine/eager.ts';
import { bufferOf, type Engine } from '../../../evaluators/engine/program.ts';
import { onnxEngine } from '../../../evaluators/engine/session.ts';
import { distributionOf, PLAIN_SAMPLING } from '../../../evaluators/generation/sampling.ts';
import { overlap } from '../../../evaluators/speculation/rule.ts';
import { deriveRng } from '../../../space/random.ts';

const N = 4;
const V = 6;
const rng = deriveRng(1, 0, 'distillation loss');
const student = Float32Array.from({ length: N * V }, () => 1.5 * rng.normal());
const teacher = Float32Array.from({ length: N * V }, () => 1.5 * rng.normal());
const targets = Int32Array.from({ length: N }, () => rng.below(V));

const NOTHING: DistillationLoss = { crossEntropy: 0, forwardKl: 0, temperature: 1, totalVariation: 0 };
const SPECS: readonly [string, DistillationLoss][] = [
  ['cross entropy', { ...NOTHING, crossEntropy: 1 }],
  ['forward KL', { ...NOTHING, forwardKl: 1 }],
  ['forward KL at temperature 2', { ...NOTHING, forwardKl: 1, temperature: 2 }],
  ['total variation', { ...NOTHING, totalVariation: 1 }],
  ['a mixture', { crossEntropy: 0.3, forwardKl: 0.5, temperature: 1.5, totalVariation: 2 }],
];

const rowOf = (logits: Float32Array, row: number, temperature = 1) =>
  distributionOf(logits.subarray(row * V, (row + 1) * V), { temperature, topP: 1 });

/** The loss in plain arithmetic. */
function expectedLoss(spec: DistillationLoss, logits: Float32Array): number {
  let sum = 0;
  for (let row = 0; row < N; row++) {
    const q = rowOf(logits, row);
    const p = rowOf(teacher, row);
    const [pT, qT] = [rowOf(teacher, row, spec.temperature), rowOf(logits, row, spec.temperature)];
    const kl = pT.reduce((total, value, i) => total + value * Math.log(value / qT[i]!), 0);
    sum -= spec.crossEntropy * Math.log(q[targets[row]!]!);
    sum += spec.forwardKl * spec.temperature ** 2 * kl;
    sum += spec.totalVariation * (1 - overlap(p, q));
  }
  return sum / N;
}

function body(spec: DistillationLoss) {
  return (inputs: Record<string, tf.Tensor>) => {
    const f = (z: tf.Tensor) =>
      distillationLoss(spec, z as tf.Tensor2D, inputs.teacher as tf.Tensor2D, inputs.targets as tf.Tensor1D);
    const { value, grad } = tf.valueAndGrad(f)(inputs.student!);
    return { loss: value, gradient: grad };
  };
}

const CPU = eagerEngine('cpu');

async function run(engine: Engine, spec: DistillationLoss, logits: Float32Array) {
  const specs = {
    student: { shape: [N, V], dtype: 'float32' },
    teacher: { shape: [N, V], dtype: 'float32' },
    targets: { shape: [N], dtype: 'int32' },
  } as const;
  const program = await engine.compile(specs, body(spec));
  const feeds = {
    student: bufferOf([N, V], 'float32', logits),
    teacher: bufferOf([N, V], 'float32', teacher),
    targets: bufferOf([N], 'int32', targets),
  };
  const [loss, gradient] = [new Float32Array(1), new Float32Array(N * V)];
  await program.run(feeds, {
    loss: bufferOf([], 'float32', loss),
    gradient: bufferOf([N, V], 'float32', gradient),
  });
  await program.release();
  return { loss: loss[0]!, gradient };
}

describe('distillationLoss', () => {
  for (const [name, spec] of SPECS) {
    it(`is ${name}, with the gradient of finite differences`, async () => {
      const result = await run(CPU, spec, student);
      expect(result.loss).toBeCloseTo(expectedLoss(spec, student), 5);
      for (let i = 0; i < student.length; i++) {
        const [up, down] = [student.slice(), student.slice()];
        up[i]! += 1e-3;
        down[i]! -= 1e-3;
        const slope = (expectedLoss(spec, up) - expectedLoss(spec, down)) / (up[i]! - down[i]!);
        expect(result.gradient[i], `${i}`).toBeCloseTo(slope, 3);
      }
    });

    it(`is the same traced: ${name}`, async () => {
      const eager = await run(CPU, spec, student);
      const traced = await run(onnxEngine(), spec, student);
      expect(traced.loss).toBeCloseTo(eager.loss, 5);
      for (const [i, value] of eager.gradient.entries()) expect(traced.gradient[i]).toBeCloseTo(value, 5);
    });
  }

  it('vanishes with its gradient where student and teacher agree', async () => {
    for (const part of ['forwardKl', 'totalVariation'] as const) {
      const { loss, gradient } = await run(CPU, { ...NOTHING, [part]: 1 }, teacher);
      expect(loss).toBeCloseTo(0, 6);
      for (const value of gradient) expect(value).toBeCloseTo(0, 5);
    }
    const same = distributionOf(teacher.subarray(0, V), PLAIN_SAMPLING);
    expect(overlap(same, same)).toBeCloseTo(1, 12);
  });

  it('refuses to be nothing', async () => {
    await expect(run(CPU, NOTHING, student)).rejects.toThrow('without any part');
  });
});
