import { cpSync } from 'node:fs'
import { defineConfig } from 'vite'

/** The script other people's pages embed: one small classic file under a name that never changes. */
export default defineConfig({
  publicDir: false,
  plugins: [{ name: 'demo-shop', closeBundle: () => cpSync('demo', 'dist/demo', { recursive: true }) }],
  build: {
    outDir: 'dist/widget',
    emptyOutDir: false,
    reportCompressedSize: false,
    lib: { entry: 'widget/src/loader.ts', name: 'HubLoader', formats: ['iife'], fileName: () => 'hub.js' },
  },
})
