'use strict'

// Loaded before the TypeScript, which an older Node cannot read: it would end with a syntax error somewhere in it.
// In words that every Node knows.

var NODE_MAJOR_MIN = 24

if (Number(process.versions.node.split('.')[0]) < NODE_MAJOR_MIN) {
  process.stderr.write(
    'Holdfast runs on Node ' +
      NODE_MAJOR_MIN +
      ' or later, and this is Node ' +
      process.versions.node +
      ' (' +
      process.execPath +
      '). The Node that comes with the packages is missing, as after "npm ci --ignore-scripts": run "npm ci" with install scripts, and start by npm.\n',
  )
  process.exit(1)
}
