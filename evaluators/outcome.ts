// What became of one training: data, never an exception, because it crosses a thread boundary and
// because a search meets every one of these daily.

import type { MeasuredRound } from '../hardware/speculative-round.ts';
import type { LayerPart } from '../space/deployment.ts';

export interface TrainingSuccess {
  readonly kind: 'ok';
  /** Validation loss in bits per byte of text. */
  readonly bitsPerByte: number;
  /** The same of the weights that it inherited, before the first step; absent where it began otherwise. */
  readonly inheritedBitsPerByte?: number;
  /** Optimiser steps and tokens that this call itself trained, without those of lower rungs. */
  readonly steps: number;
  readonly tokens: number;
  readonly trainSeconds: number;
  readonly compileSeconds: number;
  /** Where the trained weights lie, or `undefined` when none were asked for. */
  readonly checkpoint?: string;
}

export type TrainingOutcome =
  | TrainingSuccess
  | { readonly kind: 'diverged'; readonly step: number; readonly reason: string }
  | { readonly kind: 'timed-out'; readonly afterSeconds: number }
  | { readonly kind: 'out-of-memory'; readonly reason: string }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'failed'; readonly reason: string };

/** How a task can end other than well. */
export type TaskFailure = Exclude<TrainingOutcome, TrainingSuccess>;

/** What a trained model is worth as one deployment stores and serves it. */
export interface MeasurementSuccess {
  readonly kind: 'ok';
  /** Validation loss in bits per byte of text, under decoded weights and through the cache's format. */
  readonly bitsPerByte: number;
  /** Exact bits of all encoded tensors. */
  readonly encodedBits: number;
  /** Of those, the bits of each layer's matrices, gains left out. */
  readonly layerBits: readonly number[];
  /** What a predictor of loss changes sees of the deployment: see `disturbanceOf`. */
  readonly disturbance: readonly number[];
  readonly seconds: number;
}

export type MeasurementOutcome = MeasurementSuccess | TaskFailure;

/** How much each way of storing each layer would disturb a trained model. Plain JSON. */
export interface NoiseTable {
  /** By layer, part and `storageKey`: mean disturbance of the part's matrices; parts that are left out are absent. */
  readonly layers: readonly Readonly<Partial<Record<LayerPart, Readonly<Record<string, number>>>>>[];
  /** Of embedding table and output head, by `storageKey`. */
  readonly embedding: Readonly<Record<string, number>>;
}

export type ProfileOutcome = { readonly kind: 'ok'; readonly table: NoiseTable } | TaskFailure;

/** One draft length of a pair, as its cost model wants it. */
export interface PairLength extends MeasuredRound {
  /** Accepted over tested draft tokens. */
  readonly acceptedOverTested: number;
}

export interface PairSuccess {
  readonly kind: 'ok';
  /** Mean share of a draft's distribution that the target accepts; absent for look-up, which has none. */
  readonly acceptance?: number;
  readonly standardError?: number;
  readonly lengths: readonly PairLength[];
  readonly seconds: number;
}

/** How a target and a draft get on. */
export type PairOutcome = PairSuccess | TaskFailure;
