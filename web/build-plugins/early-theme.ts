import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Plugin } from "vite";

/**
 * Puts the remembered theme on <html> before the first paint.
 *
 * A module script would run after it, and an inline script is forbidden by the page's Content-Security-Policy; so this is a
 * classic, blocking script file in <head>, a few lines long.
 */
export function earlyTheme(source: string): Plugin {
  let fileName: string | undefined;
  return {
    name: "wigwag:early-theme",
    generateBundle() {
      const script = readFileSync(source, "utf8").replace(/\/\*[\s\S]*?\*\/\s*/g, "");
      const hash = createHash("sha256").update(script).digest("base64url").slice(0, 8);
      fileName = `assets/early-theme-${hash}.js`;
      this.emitFile({ type: "asset", fileName, source: script });
    },
    transformIndexHtml: {
      order: "post",
      handler(_html, context) {
        // While developing there is no bundle: Vite serves the source itself.
        const src = context.bundle && fileName ? `/${fileName}` : `/${source}`;
        return [{ tag: "script", attrs: { src }, injectTo: "head" }];
      },
    },
  };
}
