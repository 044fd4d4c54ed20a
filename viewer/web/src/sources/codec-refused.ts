/** Stands for codecs that need WebAssembly with `unsafe-eval`: our own stores never use them. */
export default class RefusedCodec {
  static fromConfig(): never {
    throw new RangeError('this codec is not supported')
  }
}
