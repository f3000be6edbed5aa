package main

// serverGC is how much garbage a server may let lie, in percent of what it
// holds: it holds little, and collects all the time otherwise. --memory bounds
// both together.
const serverGC = 400
