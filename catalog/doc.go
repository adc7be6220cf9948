// Package catalog loads a configuration folder and says what exists: sources and their schedules, datasets, areas,
// grids, categories, crosswalks, code lists, organisations and the working calendar.
//
// Load reads everything, reports every problem at once with file and line, and returns a Catalog that never changes
// afterwards. Relative paths resolve against the file they stand in, those of a connection against the configuration
// folder. `${NAME}` is replaced by an environment variable in
// parsed YAML scalars only, so that a value can never change the structure of a file.
//
// It does not open sources, parse mapping files (pipelines/normalize does), apply crosswalks or polygons
// (pipelines/enrich does), or touch the store: Tables gives the catalog as plain rows for whoever writes them.
package catalog
