import { fileURLToPath } from "node:url";

/** The path of a file that is given as a path or as a `file:` URL. */
export function toPath(file: string | URL): string {
  if (file instanceof URL) return fileURLToPath(file);
  if (typeof file !== "string" || file === "" || file.includes("\0")) {
    throw new TypeError("file must be the path or the file: URL of a file");
  }
  return file;
}
