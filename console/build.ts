import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import { build, type Metafile, type OutputFile } from 'esbuild-wasm'
import { buildSchema, introspectionFromSchema } from 'graphql'

// `npm run console` bundles the console into console/dist, as `npm ci` does. With --types it only writes the schema's types.

const ROOT = fileURLToPath(new URL('../', import.meta.url))
const FOLDER = new URL('./', import.meta.url)

await writeSchemaTypes()
if (!process.argv.includes('--types')) await bundle()

/** Writes schema.graphql as a type, which gives every document of the console its own. */
async function writeSchemaTypes(): Promise<void> {
  const schema = buildSchema(await readFile(new URL('../schema.graphql', FOLDER), 'utf8'))
  const introspection = introspectionFromSchema(schema, { descriptions: false })
  await mkdir(new URL('src/generated/', FOLDER), { recursive: true })
  await writeFile(
    new URL('src/generated/introspection.ts', FOLDER),
    `export type introspection = ${JSON.stringify(introspection)}\n`,
  )
}

async function bundle(): Promise<void> {
  // WebAssembly: npm can leave out the native program, which is optional to it and whose install script would download it
  const { outputFiles, metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: ['console/src/main.tsx', 'console/src/styles/styles.css'],
    outdir: 'console/dist/assets',
    entryNames: '[name]-[hash]',
    chunkNames: '[name]-[hash]',
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    // what it takes of console/tsconfig.json, whose base is not in the image
    tsconfigRaw: { compilerOptions: { jsx: 'react-jsx', jsxImportSource: 'preact' } },
    metafile: true,
    write: false,
  })
  await rm(new URL('dist/', FOLDER), { recursive: true, force: true })
  await mkdir(new URL('dist/assets/', FOLDER), { recursive: true })
  await Promise.all(outputFiles.map(writeCompressed))
  const page = await readFile(new URL('src/index.html', FOLDER), 'utf8')
  await writeFile(new URL('dist/index.html', FOLDER), fillIn(page, metafile))
}

/** Writes an asset, and what browsers are sent of it: compressed once here, as small as it gets. */
async function writeCompressed({ path, contents }: OutputFile): Promise<void> {
  const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY } }
  await Promise.all([
    writeFile(path, contents),
    promisify(brotliCompress)(contents, quality).then((text) => writeFile(`${path}.br`, text)),
    promisify(gzip)(contents, { level: constants.Z_BEST_COMPRESSION }).then((text) =>
      writeFile(`${path}.gz`, text),
    ),
  ])
}

/** Puts the assets' hashed names in the place of their sources' names. */
function fillIn(page: string, { outputs }: Metafile): string {
  return Object.entries(outputs).reduce(
    (text, [path, { entryPoint }]) =>
      entryPoint === undefined
        ? text
        : text.replace(`/${entryPoint}`, path.replace('console/dist', '/console')),
    page,
  )
}
