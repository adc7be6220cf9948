// Package city is a synthetic city: invented incidents, the reports that three departments keep of them, and three
// servers that behave like the departments' systems.
//
// The departments are a police 110 desk (a paged JSON API), a 12345 hotline (a folder that receives GB18030 CSV and XLSX
// files) and digital urban management (a SQLite database whose closed rows move to a history table). Records carry the
// defects that were measured in real extracts, are updated over time, and can be served with scripted faults. The true
// incident of every record is known and written apart, for evaluation.
//
// Every record is a pure function of the seed and its number: nothing is kept in memory but an index of update times,
// so ten million records cost no more than a hundred. Time is simulated: the city stands still until Advance moves it.
//
// It is for demonstrations, tests and benchmarks. It is not a model of crime, of a real city or of people: every name,
// number and place is invented, and the patterns that Seeded lists find them all. It reads no source and knows no mapping.
package city
