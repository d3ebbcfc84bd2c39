// Small and well-known models for the tests of the cost model.
import type { Accelerator } from '../../hardware/index.ts';
import {
  type CostInput,
  loadAccelerator,
  type UniformChoice,
  uniformDeployment,
} from '../../hardware/index.ts';
import type { ModelShape } from '../../hardware/model-shape.ts';
import type { Workload } from '../../space/deployment.ts';

export function uniformModel(over: Partial<ModelShape> = {}, nLayers = 32): ModelShape {
  return {
    dModel: 4096,
    headDim: 128,
    vocabSize: 32_000,
    contextLength: 4096,
    tieEmbeddings: false,
    ropeTheta: 10_000,
    layers: Array.from({ length: nLayers }, () => ({ nHeads: 32, nKvHeads: 32, dFf: 11_008 })),
    ...over,
  };
}

export const LLAMA_7B = uniformModel();

const loaded = new Map<string, Accelerator>();

function remembered(name: string): Accelerator {
  const accelerator = loaded.get(name) ?? loadAccelerator(name);
  loaded.set(name, accelerator);
  return accelerator;
}

export function costInput(
  accelerator: string,
  choice: UniformChoice = {},
  workload: Partial<Workload> = {},
  architecture: ModelShape = LLAMA_7B,
): CostInput {
  return {
    architecture,
    deployment: uniformDeployment(architecture.layers.length, choice),
    accelerator: remembered(accelerator),
    workload: { batch: 1, promptTokens: 1024, generatedTokens: 1024, ...workload },
  };
}
