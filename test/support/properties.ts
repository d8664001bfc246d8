import fc from 'fast-check'

// in CI every run is the same, so that what fails there is what was changed; elsewhere each looks where none has been, and a
// failure prints the seed that repeats it
if (process.env.CI) fc.configureGlobal({ seed: 1 })

export default fc
