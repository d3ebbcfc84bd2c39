// What became of one training: data, never an exception, because it crosses a thread boundary and
// because a search meets every one of these daily.

export interface TrainingSuccess {
  readonly kind: 'ok';
  /** Validation loss in bits per byte of text. */
  readonly bitsPerByte: number;
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
