import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

/** Where `hub serve` listens while you develop the faces with `npm run dev`. */
const backend = process.env.HUB_BACKEND ?? 'http://127.0.0.1:8080'

export default defineConfig({
  base: '/app/',
  plugins: [react()],
  // The page server puts a fresh nonce in place of this word on every request.
  html: { cspNonce: '__CSP_NONCE__' },
  // Scripts find each other wherever the hub lies; the page server puts the path before ours into the page's own links.
  experimental: { renderBuiltUrl: (_, { hostType }) => (hostType === 'html' ? undefined : { relative: true }) },
  build: { outDir: 'dist/app', emptyOutDir: true, assetsInlineLimit: 0, chunkSizeWarningLimit: 900, reportCompressedSize: false },
  server: {
    host: '127.0.0.1',
    port: 5173,
    proxy: {
      '/api': backend,
      '/hooks': { target: backend, ws: true },
      '/ws': { target: backend, ws: true },
      '/widget': backend,
    },
  },
})
