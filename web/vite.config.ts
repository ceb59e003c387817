import { readdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import tailwindcss from '@tailwindcss/vite';
import react from '@vitejs/plugin-react';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

const outDir = fileURLToPath(new URL('../pb_public/dist', import.meta.url));
const server = process.env.LONGSHORE_URL ?? 'http://127.0.0.1:8090';

/** Empties the output folder but for .gitkeep, which Go's embed needs before the first build. */
function emptyDist(): Plugin {
  return {
    name: 'longshore:empty-dist',
    apply: 'build',
    buildStart() {
      for (const name of readdirSync(outDir)) {
        if (name !== '.gitkeep') rmSync(`${outDir}/${name}`, { recursive: true });
      }
    },
  };
}

/** Takes sonner's injected style element out: `style-src 'self'` forbids it, and index.css imports the same rules. */
function sonnerWithoutStyleElement(): Plugin {
  return {
    name: 'longshore:sonner-without-style-element',
    enforce: 'pre',
    transform(code, id) {
      if (!id.includes('/sonner/dist/')) return null;
      const stripped = code.replace(/^__insertCSS\(".*"\);?$/m, '');
      if (stripped === code && code.includes('__insertCSS')) this.error('sonner injects its styles in a new way');
      return { code: stripped, map: null };
    },
  };
}

export default defineConfig({
  plugins: [react(), tailwindcss(), sonnerWithoutStyleElement(), emptyDist()],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  optimizeDeps: { exclude: ['sonner'] },
  build: {
    outDir,
    emptyOutDir: false,
    // A data: URL of a font would break `default-src 'self'`.
    assetsInlineLimit: 0,
    // kB before compression; one file of 175 kB gzip loads faster than a chain of them.
    chunkSizeWarningLimit: 700,
  },
  server: { proxy: { '/api': server, '/storage': server } },
  test: {
    environment: 'node',
    include: ['src/**/*.test.{ts,tsx}'],
    setupFiles: ['src/shared/testing/setup.ts'],
    restoreMocks: true,
  },
});
