/** @import { DescMessage } from "@bufbuild/protobuf" */
/** @import { GeneratedFile, ImportSymbol } from "@bufbuild/protoplugin" */

/** The file that is being written, and where the names come from that its functions use. */
export class Context {
  /** @type {GeneratedFile} */
  f;
  /** @type {string} */
  #runtimeFolder;

  /**
   * @param {GeneratedFile} f
   * @param {string} runtimeFolder
   */
  constructor(f, runtimeFolder) {
    this.f = f;
    this.#runtimeFolder = runtimeFolder;
  }

  /**
   * Something of the hand-written code that generated code calls.
   *
   * @param {string} module
   * @param {string} name
   */
  runtime(module, name) {
    return this.f.import(name, `${this.#runtimeFolder}/${module}.js`);
  }

  get unknownField() {
    return this.f.import("UnknownField", "@bufbuild/protobuf", true);
  }

  /**
   * The type of what may be encoded: a message or what one can be created from.
   *
   * @param {DescMessage} message
   */
  initShape(message) {
    const shape = this.f.import("MessageInitShape", "@bufbuild/protobuf", true);
    return [shape, "<typeof ", this.f.importSchema(message, true), ">"];
  }

  /**
   * A function generated for a message, maybe in another file.
   *
   * @param {"size" | "write" | "read"} verb
   * @param {DescMessage} message
   * @returns {ImportSymbol}
   */
  generated(verb, message) {
    return this.f.import(`${verb}${message.name}`, `./${message.file.name}_codec.js`);
  }
}
