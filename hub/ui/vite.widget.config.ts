import { defineConfig } from 'vite'

/** The widget's frame page: Preact, no React anywhere near it. */
export default defineConfig({
  root: 'widget',
  base: '/widget/',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  // Scripts find each other wherever the hub lies; the page server puts the path before ours into the page's own links.
  experimental: { renderBuiltUrl: (_, { hostType }) => (hostType === 'html' ? undefined : { relative: true }) },
  build: {
    outDir: '../dist/widget',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: false,
    reportCompressedSize: false,
    rolldownOptions: { input: 'widget/frame.html' },
  },
})
