import { defineConfig } from 'vitest/config'

export default defineConfig({ test: { environment: 'node', include: ['{api,desk,realtime,text,widget}/**/*.test.ts'] } })
