import fc from 'fast-check'

// in CI every run takes the same cases, so that what fails there is what was changed; elsewhere each draws its own, and a failure
// prints the seed that repeats it
if (process.env.CI) fc.configureGlobal({ seed: 1 })

export default fc
