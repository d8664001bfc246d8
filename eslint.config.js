import graphql from '@graphql-eslint/eslint-plugin'

// Biome lints the code. Here the printed schema is checked for what its clients' tools expect of it, and the console's documents
// against it: types alone say nothing of a field that a document asks for and no code reads.
const { rules: recommended } = graphql.configs['flat/schema-recommended']
const { rules: relay } = graphql.configs['flat/schema-relay']

// one for both: the plugin keeps the first that it is given
const graphQLConfig = { schema: './schema.graphql', documents: 'console/src/**/*.{ts,tsx}' }

/** For the code around the documents, which Biome lints: of it nothing is read here. */
const ignoreCode = {
  parseForESLint: (text) => ({
    ast: {
      type: 'Program',
      body: [],
      tokens: [],
      comments: [],
      range: [0, text.length],
      loc: { start: { line: 1, column: 0 }, end: { line: 1, column: 0 } },
    },
  }),
}

export default [
  {
    files: ['console/src/**/*.{ts,tsx}'],
    languageOptions: { parser: ignoreCode },
    processor: graphql.processor,
  },
  {
    files: ['console/src/**/*.graphql'],
    languageOptions: { parser: graphql.parser, parserOptions: { graphQLConfig } },
    plugins: { '@graphql-eslint': graphql },
    rules: graphql.configs['flat/operations-recommended'].rules,
  },
  {
    files: ['schema.graphql'],
    languageOptions: {
      parser: graphql.parser,
      parserOptions: { graphQLConfig },
    },
    plugins: { '@graphql-eslint': graphql },
    rules: {
      ...recommended,
      ...relay,
      '@graphql-eslint/require-description': [
        'error',
        {
          types: true,
          rootField: true,
          FieldDefinition: true,
          InputValueDefinition: true,
          EnumValueDefinition: true,
          DirectiveDefinition: true,
        },
      ],
      // lists that are not paged are short: the events of an order, user errors
      '@graphql-eslint/relay-edge-types': ['error', { listTypeCanWrapOnlyEdgeType: false }],
      // a queue is read from its front alone: waitingOrders
      '@graphql-eslint/relay-arguments': ['error', { includeBoth: false }],
      // what is read with its parent, and never by itself, has no id
      '@graphql-eslint/strict-id-in-types': [
        'error',
        {
          exceptions: {
            types: [
              'Allocation',
              'BulkResult',
              'Count',
              'HeldJobs',
              'InvariantCheck',
              'InventoryChange',
              'OrderCount',
              'OrderEvent',
              'OrderEventLine',
              'OrderLine',
              'PageInfo',
              'ServiceStatus',
              'ShipmentLine',
              'SupplierRequest',
              'TaskQueue',
              'UserError',
            ],
            suffixes: ['Connection', 'Edge', 'Payload'],
          },
        },
      ],
      // names that clients have: `Count.count`, and events in the form of `OrderCreated`
      '@graphql-eslint/no-typename-prefix': 'off',
      '@graphql-eslint/naming-convention': [
        'error',
        {
          types: 'PascalCase',
          FieldDefinition: 'camelCase',
          InputValueDefinition: 'camelCase',
          Argument: 'camelCase',
          DirectiveDefinition: 'camelCase',
          'EnumValueDefinition[parent.name.value!=OrderEventType]': 'UPPER_CASE',
          'EnumValueDefinition[parent.name.value=OrderEventType]': 'PascalCase',
        },
      ],
    },
  },
]
