"""The contract with the control room, version 1: what is sent, where, and in which words.

A leaf package: it imports nothing of ours, so that a receiver can take it along alone. Import from its
modules: `vocabulary` (word lists), `words` (texts in nl and en), `types` (payloads), `topics`, `encoding`.
"""
