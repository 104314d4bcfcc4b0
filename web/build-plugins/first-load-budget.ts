import { gzipSync } from "node:zlib";
import type { Plugin, Rolldown } from "vite";

/**
 * Fails the build when a first load is above `bytesMax`, compressed.
 *
 * A first load is the page itself, what it names, what those import statically, and the heaviest lazily loaded page with all
 * that it imports: what a person waits for, whichever address was opened first. Counted with gzip, the larger encoding.
 */
export function firstLoadBudget(bytesMax: number): Plugin {
  return {
    name: "wigwag:first-load-budget",
    apply: "build",
    generateBundle: {
      order: "post",
      handler(_options, bundle) {
        const chunks = Object.values(bundle).filter((file) => file.type === "chunk");
        const shell = filesOf(
          chunks.filter((chunk) => chunk.isEntry),
          bundle,
        );
        for (const file of Object.values(bundle)) {
          if (file.type === "asset" && /early-theme|\.html$/.test(file.fileName)) shell.add(file.fileName);
        }
        const pages = chunks
          .filter((chunk) => chunk.isDynamicEntry)
          .map((chunk) => ({
            name: chunk.facadeModuleId?.replace(/^.*\/src\//, "") ?? chunk.name,
            bytes: compressedBytes(new Set([...shell, ...filesOf([chunk], bundle)]), bundle),
          }))
          .sort((a, b) => b.bytes - a.bytes);
        const lines = pages.map((page) => `  ${kilobytes(page.bytes)}  ${page.name}`);
        const report = `first load, gzip (limit ${kilobytes(bytesMax)}):\n  ${kilobytes(compressedBytes(shell, bundle))}  the shell alone\n${lines.join("\n")}`;
        if ((pages[0]?.bytes ?? 0) > bytesMax) this.error(report);
        this.info(report);
      },
    },
  };
}

type Bundle = Rolldown.OutputBundle;

/** The chunks, their style sheets, and everything that they import statically. */
function filesOf(chunks: Rolldown.OutputChunk[], bundle: Bundle): Set<string> {
  const files = new Set<string>();
  const queue = [...chunks];
  for (let chunk = queue.pop(); chunk; chunk = queue.pop()) {
    if (files.has(chunk.fileName)) continue;
    files.add(chunk.fileName);
    for (const style of chunk.viteMetadata?.importedCss ?? []) files.add(style);
    for (const name of chunk.imports) {
      const imported = bundle[name];
      if (imported?.type === "chunk") queue.push(imported);
    }
  }
  return files;
}

function compressedBytes(files: Set<string>, bundle: Bundle): number {
  let bytes = 0;
  for (const name of files) {
    const file = bundle[name];
    if (file) bytes += gzipSync(file.type === "chunk" ? file.code : file.source, { level: 9 }).length;
  }
  return bytes;
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1000).toFixed(1).padStart(6)} kB`;
}
