import { defineConfig } from 'vitest/config'

export default defineConfig({ test: { environment: 'node', include: ['{desk,realtime,text,widget}/**/*.test.ts'] } })
