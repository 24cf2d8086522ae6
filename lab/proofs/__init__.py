"""Proofs that the lab's regions do what real regions do; each proof is a program of its own."""
