// Command bench measures the hub at its main work and prints one JSON line for each benchmark. `make bench` runs it.
//
// Every run is a process of its own, so that its CPU time and its peak memory are those of that run alone. Whatever
// does not belong to the hub (making input, a server, checking the result) is done in other processes, before or after.
// What was stored is counted by SQL in a store opened anew, never taken from the program's own metrics, and a wrong count
// ends the benchmark with an error.
//
// It measures whole runs with the shipped configuration of the example city. It is not for single stages: those have
// Benchmark functions beside their code.
package main
