// How the ui is built: relative addresses, no inline code or styles, fonts in one format only.
// It must never fetch anything from another host, nor write outside dist.
import vue from "@vitejs/plugin-vue";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

/** Every engine Ruhu meets reads woff2: the older copies of each font would double the package. */
const woff2Only: Plugin = {
  name: "woff2-only",
  enforce: "pre",
  transform(code, id) {
    if (!id.includes("@fontsource") || !id.endsWith(".css")) return null;
    return { code: code.replace(/,\s*url\([^)]*\.woff\)\s*format\(['"]woff['"]\)/g, ""), map: null };
  },
};

export default defineConfig({
  base: "./",
  // Blanks between words of a line are kept as they are written; elements laid out as boxes do not mind them.
  plugins: [woff2Only, vue({ template: { compilerOptions: { whitespace: "preserve" } } })],
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 900,
    rolldownOptions: {
      output: {
        // A server that knows no .mjs would refuse the worker that draws PDF pages.
        assetFileNames: (asset) =>
          asset.names.some((name) => name.endsWith(".mjs")) ? "assets/[name]-[hash].js" : "assets/[name]-[hash][extname]",
      },
    },
  },
  // In development the calls go to a desk on this machine: `desk serve` listens there.
  server: { proxy: { "/call": "http://127.0.0.1:7878", "/blob": "http://127.0.0.1:7878" } },
  define: { __VUE_OPTIONS_API__: false, __VUE_I18N_LEGACY_API__: false, __VUE_PROD_DEVTOOLS__: false },
  test: { environment: "happy-dom", include: ["tests/**/*.test.ts"] },
});
