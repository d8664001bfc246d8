import { enableDevMode } from 'graphql'

// graphql-js checks what it is given only when asked to
enableDevMode()
