// What scene.json holds, as the page reads it. Types only.

/**
 * @typedef {object} Latent
 * @property {number} index
 * @property {string} [name]
 * @property {number | null} kl nats
 * @property {boolean} active
 * @property {number} [start] first column of z
 * @property {number} [size] columns of z
 * @property {number} [step] 0 for any
 * @property {number} mean
 * @property {number} sd
 * @property {number} low
 * @property {number} high
 */

/**
 * @typedef {object} Thumbs
 * @property {string[]} files
 * @property {number} per_file
 * @property {number} across
 * @property {[number, number]} cell height, width
 */

/**
 * @typedef {object} Picture
 * @property {1 | 3} channels
 * @property {number} height
 * @property {number} width
 * @property {number} [low] the value that is black
 * @property {number} [high] the value that is white
 * @property {boolean} invert light ink on a dark ground, which a light page shows the other way round
 * @property {"dark" | "light" | "mixed"} [ground]
 * @property {number | null} [levels] greys of a row, two where rows are bits; nothing for any
 * @property {"crop" | "pad" | "stretch"} [aspect] how a picture of another shape gets there
 */

/**
 * @typedef {object} SceneFile
 * @property {number} version
 * @property {string} name
 * @property {"http" | "onnx"} backend
 * @property {"image" | "table" | "other"} kind
 * @property {string} [why_not]
 * @property {number[]} x_shape
 * @property {number[]} z_shape
 * @property {number} n_latents
 * @property {"real" | "bits" | "codes" | "blocks" | "shares"} [support]
 * @property {Picture | null} image
 * @property {import("./columns.js").Column[] | null} columns
 * @property {Latent[]} latents
 * @property {import("./math/plane.js").Plane} plane
 * @property {{kind: "normal" | "bank", mean?: number[], sd?: number[], temperature?: boolean}} prior
 * @property {number} rows
 * @property {string} [rows_of]
 * @property {Record<string, [number, number]>} splits
 * @property {string[] | null} label_names
 * @property {string | null} score_name
 * @property {Thumbs | null} thumbs
 * @property {string} python
 * @property {{file: string, low: [number, number], high: [number, number], side: number} | null} manifold
 * @property {string | null} table_rows
 * @property {Onnx | null} [onnx]
 * @property {boolean} [encodes] whether the service can
 * @property {boolean} [has_labels]
 * @property {boolean} [has_scores]
 * @property {string | null} [rows_file]
 * @property {string[]} [notes]
 */

/**
 * @typedef {object} Onnx
 * @property {string} decoder
 * @property {string} decoder_input
 * @property {string} decoder_output
 * @property {string | null} encoder
 * @property {string[]} [encoder_inputs]
 * @property {string} [encoder_mean]
 * @property {string} [encoder_sd]
 * @property {string | null} [no_encoder]
 */

/**
 * @typedef {object} Scene
 * @property {SceneFile} about
 * @property {number} d latents
 * @property {number} xSize values of a decoded thing
 * @property {number} n rows on the map
 * @property {Float32Array} points n × 2
 * @property {Float32Array} codes n × d
 * @property {Int16Array | null} labels
 * @property {number[]} kinds the labels that occur, rising
 * @property {(label: number) => number} rankOf the place of a label among those that occur, which decides how it looks; -1 for none
 * @property {Float32Array | null} scores
 * @property {import("./math/random.js").Prior} prior
 * @property {{columns: (number | null)[][]} | null} cells of a table, a list for each column
 * @property {(row: number) => string} labelOf the name of a row's label, or nothing
 * @property {(label: number) => string} nameOf of a label
 * @property {(row: number) => string} placeOf its split and number
 * @property {import("./math/rows.js").Book} book rows by what they are called
 * @property {(file: string) => string} file its address
 */

/**
 * @typedef {object} Backend
 * @property {string} where in words
 * @property {(z: Float32Array, n: number) => Promise<Float32Array>} decode n × d to n × xSize
 * @property {((given: Given) => Promise<{mean: Float32Array, sd: Float32Array, notes: string[]}>) | null} encode
 * @property {string} whyNot why nothing can be encoded
 */

/**
 * A thing of one's own, as values and, of a table, as cells.
 * @typedef {object} Given
 * @property {Float32Array} x
 * @property {Float32Array} mask
 * @property {Record<string, import("./columns.js").Cell> | null} row
 */

/**
 * A place where a decoded thing is drawn.
 * @typedef {object} View
 * @property {HTMLElement} element
 * @property {(x: Float32Array) => void} draw
 */

/**
 * How a domain is shown. A new one is a file in src/renderers with these, and a line in its index.
 * @typedef {object} Renderer
 * @property {string} noun what one thing is called
 * @property {(scene: Scene, size: "big" | "small") => View} view
 * @property {(scene: Scene, row: number) => HTMLElement | null} glance a row of the data, for hover and neighbours
 * @property {((scene: Scene, given: (given: Given) => void, say: (words: string) => void, seed: () => number, dropped: import("./dropped.js").Dropped) => HTMLElement) | null} input
 */

export {};
