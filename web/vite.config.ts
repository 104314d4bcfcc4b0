import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";
import { earlyTheme } from "./build-plugins/early-theme.ts";
import { firstLoadBudget } from "./build-plugins/first-load-budget.ts";
import { precompress } from "./build-plugins/precompress.ts";

/** Where `wigwag serve` (or `wigwag gateway`) listens while the pages are developed. */
const SERVER = process.env.WIGWAG_SERVER ?? "http://127.0.0.1:8765";
/** As the server sends it with the page; here so that `vite preview` shows what it would break. */
const CONTENT_SECURITY_POLICY = "default-src 'self'; connect-src 'self' ws: wss:; frame-ancestors 'none'";
const FIRST_LOAD_BYTES_MAX = 150_000;

/** What the server answers itself; everything else is a page's file. `changeOrigin` keeps the server's Origin check happy. */
const proxied = Object.fromEntries(
  ["/echo", "/random", "/stream", "/letters", "/ws", "/metrics", "/healthz", "/readyz"].map((path) => [
    path,
    { target: SERVER, ws: true, changeOrigin: true, headers: { origin: SERVER } },
  ]),
);

export default defineConfig({
  plugins: [react(), earlyTheme("src/app/early-theme.js"), firstLoadBudget(FIRST_LOAD_BYTES_MAX), precompress()],
  resolve: { alias: { "@shared": new URL("./src/shared", import.meta.url).pathname } },
  server: { host: "127.0.0.1", proxy: proxied },
  preview: { host: "127.0.0.1", proxy: proxied, headers: { "content-security-policy": CONTENT_SECURITY_POLICY } },
  build: {
    // The oldest browsers that know light-dark(), on which the themes stand.
    target: ["chrome123", "firefox120", "safari17.5"],
    // The Content-Security-Policy allows no data: URLs, and no inline script.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 400,
  },
  test: {
    environment: "happy-dom",
    setupFiles: ["src/shared/testing/setup.ts"],
    restoreMocks: true,
    testTimeout: 30_000,
    css: { modules: { classNameStrategy: "non-scoped" } },
  },
});
