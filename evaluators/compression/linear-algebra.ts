// Dense symmetric matrices, row-major in one Float64Array.

/**
 * Lower Cholesky factor of a positive definite matrix, `A = L L'`; zeros above the diagonal.
 * @throws RangeError where the matrix is not positive definite.
 */
export function lowerFactor(matrix: Float64Array, n: number): Float64Array {
  const factor = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i * n + j]!;
      for (let k = 0; k < j; k++) sum -= factor[i * n + k]! * factor[j * n + k]!;
      if (i !== j) {
        factor[i * n + j] = sum / factor[j * n + j]!;
      } else if (sum > 0) {
        factor[i * n + i] = Math.sqrt(sum);
      } else {
        throw new RangeError(`a matrix of ${n} inputs is not positive definite at input ${i}`);
      }
    }
  }
  return factor;
}

/**
 * The upper factor U of the inverse, `A^-1 = U' U`. With J the reversal of the order, J A J = L L' gives
 * U = J L^-1 J: one factorisation and one triangular inverse.
 * @throws RangeError where the matrix is not positive definite.
 */
export function inverseUpperFactor(matrix: Float64Array, n: number): Float64Array {
  const reversed = new Float64Array(n * n);
  for (let i = 0; i < n * n; i++) reversed[i] = matrix[n * n - 1 - i]!;
  const lower = lowerFactor(reversed, n);
  const inverse = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    const row = i * n;
    inverse[row + i] = 1;
    for (let k = 0; k < i; k++) {
      const share = lower[row + k]!;
      for (let j = 0; j <= k; j++) inverse[row + j] = inverse[row + j]! - share * inverse[k * n + j]!;
    }
    for (let j = 0; j <= i; j++) inverse[row + j] = inverse[row + j]! / lower[row + i]!;
  }
  return inverse.reverse();
}
