// Package filedrop reads a folder into which a department's system drops files: CSV and other delimited text, fixed
// width, JSON, JSON lines, XLSX, XML and Parquet, alone or inside gz or zip, in UTF-8, GB18030/GBK or UTF-16.
//
// # What it promises
//
//   - Each file is read once, by the SHA-256 of its content. A renamed copy is not read again; a file that got other
//     content under its old name is read as a new file.
//   - Text is decoded before it is parsed: the trail byte of a GBK character can be the byte of a delimiter. A byte that
//     is illegal in the encoding sends its record to the rejects, with its offset; neighbours and the file go on.
//   - A file that cannot be read (a cut gz, something that is no workbook) is set aside by its hash and named once, while
//     the other files of the folder are read. Only other content under that name, or other settings, makes it be tried again.
//   - Nothing is opened except through os.Root, and only regular files. Unpacked sizes, ratios, entries, records, columns
//     and the parts that have to be held whole are limited.
//   - Files are not touched before Ack, which is called after the checkpoint is stored.
//
// # What it is not for
//
// It renames, cleans and masks nothing; it writes no unpacked copy anywhere (excelize spools worksheets in clear text to
// the temporary folder, where a kill leaves them, and takes a damaged sheet for a short one: therefore the workbook
// reader is this package's own). It fetches nothing over the network: put rsync or an SFTP server in front.
//
// # How a file goes through
//
//	scan → hash → container (gz, zip) → text (encoding) → one reader per format → table (Arrow text columns) → Batch
//
// The checkpoint holds the files still in the folder (hash, name, size, fingerprint), a bounded list of hashes of files
// that have gone, the header last seen for each pattern, and the position inside the file being read.
package filedrop
