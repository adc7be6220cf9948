// Command divisions writes divisions.txt, the names of Chinese provinces, cities and counties that the feature package
// recognises, from the tables of modood/Administrative-divisions-of-China (WTFPL). It is run by hand through go generate
// when the tables change; nothing reads the tables at run time.
package main
