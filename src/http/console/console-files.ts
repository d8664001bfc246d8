import { readdir, readFile } from 'node:fs/promises'
import { extname } from 'node:path'

/** Where `npm ci` puts the console. */
const FOLDER = new URL('../../../console/dist/', import.meta.url)

const ASSET_TYPES: Record<string, string> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
}

/** A script or a style sheet, as it is and as it was compressed when the console was built. */
export type Asset = { type: string; plain: Buffer; brotli: Buffer; gzip: Buffer }

/**
 * Reads the console as it was built.
 *
 * @returns its page, and its assets by their file names
 * @throws where it is not built
 */
export async function readConsoleFiles(): Promise<{ page: Buffer; assets: ReadonlyMap<string, Asset> }> {
  try {
    const names = await readdir(new URL('assets/', FOLDER))
    const assets = await Promise.all(
      names
        .filter((name) => extname(name) in ASSET_TYPES)
        .map(async (name) => [name, await readAsset(name)] as const),
    )
    return { page: await readFile(new URL('index.html', FOLDER)), assets: new Map(assets) }
  } catch (cause) {
    throw new Error('The console is not built: run npm run console, or set CONSOLE=off', { cause })
  }
}

async function readAsset(name: string): Promise<Asset> {
  const read = (suffix: string) => readFile(new URL(`assets/${name}${suffix}`, FOLDER))
  const [plain, brotli, gzip] = await Promise.all([read(''), read('.br'), read('.gz')])
  return { type: ASSET_TYPES[extname(name)]!, plain, brotli, gzip }
}
