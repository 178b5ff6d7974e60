// Package manifest reads ebb.yaml, the file that says which functions a folder
// holds and how they are to run.
//
// It owns the file's format: its keys, what may stand behind each, the defaults
// section, the JSON Schema for editors, and the errors with file, line and
// column. It turns text into values and touches nothing else: whether a runtime
// exists is the platform's to say, whether a folder exists is found out by
// whoever packs it.
//
//	version: 1
//	service: payments        # whose they are; or a mapping with its settings
//	defaults:                # any key of a function; env and tags are merged
//	  runtime: python3
//	layers:                  # files that functions find in /opt, by the layer's name
//	  shared: layer          # a folder, or a mapping with code, build, description, ...
//	functions:
//	  hello:                 # the function's name
//	    handler: handler.handler
//	    code: .              # a folder, or a .zip or .jar file; relative to this file
//	    build: make dist     # run by the shell in this file's folder, before packing
//	    memory: 256          # MB, or 1GB
//	    timeout: 30s         # or whole seconds
//	    tmp: 512MB           # size of /tmp
//	    env: {GREETING: hi}
//	    secrets: {DB_PASSWORD: db}   # variables whose values are secrets
//	    tags: {team: payments}
//	    layers: [shared]     # or NAME:VERSION, or an ARN; the last one on top
//	    aliases: {live: published}  # or a number, latest, {version: 4, weights: {3: 0.1}}
//	    url: {auth: NONE}    # or true, false (remove it), NONE, AWS_IAM
//	    triggers:            # what starts it by itself; also at the top, with a target
//	      - {name: nightly, timer: {schedule: cron(0 2 * * ? *)}}
//	workflows:               # state machines, deployed after the functions
//	  greet:
//	    definition: greet.asl.yaml  # JSON or YAML; or the definition itself
//	    type: STANDARD       # or EXPRESS
//	    logging: ALL         # or {level, data, to}
//	    values: {limit: "5"} # what ${limit} in the definition stands for
//	    aliases: {live: published}
//
// Authoritative is the decoder; schema.json is kept equal to it by a test.
//
// Invariants:
//
//  1. Strict: an unknown key, a wrong type or a value out of range is an error,
//     never ignored.
//  2. Every problem of a file is reported at once, each with line, column and
//     the key's full name.
//  3. Functions come in the order of the file, with defaults applied: a reader
//     never looks at the defaults section itself.
//  4. Parse and ParseDefinition read no file, no clock and no environment.
//  5. Every part of a definition knows its line and column, in JSON and in YAML,
//     whatever way it was written.
//
// A crash loses nothing: there is no state. Walk D (a deploy) enters at Load.
package manifest
