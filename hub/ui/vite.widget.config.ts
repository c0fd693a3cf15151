import { defineConfig } from 'vite'

/** The widget's frame page: Preact, no React anywhere near it. */
export default defineConfig({
  root: 'widget',
  base: '/widget/',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../dist/widget',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: false,
    reportCompressedSize: false,
    rolldownOptions: { input: 'widget/frame.html' },
  },
})
