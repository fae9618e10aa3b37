import { createEcmaScriptPlugin, runNodeJs } from "@bufbuild/protoplugin";
import { closureOf } from "./closure.mjs";
import { generateFile } from "./generate-file.mjs";
import { parseOptions } from "./options.mjs";

// Plain JavaScript: `pnpm generate` works on a checkout before anything is built.
runNodeJs(
  createEcmaScriptPlugin({
    name: "protoc-gen-codec",
    version: "v1",
    parseOptions,
    generateTs(schema) {
      const messages = closureOf(schema.options.messages, schema.allFiles);
      for (const file of schema.files) {
        const own = messages.filter((message) => message.file === file);
        if (own.length > 0) generateFile(schema, file, own);
      }
    },
  }),
);
