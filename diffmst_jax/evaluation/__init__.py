"""Evaluation: systems that mix, examples they all share, metrics, tables and a report.

config      the settings of an evaluation, typed
protocols   which examples a protocol draws; manifest stores them, loading reads their audio
systems     what is compared; batch mixes several songs at once; finished, tone and known are kinds
metrics     how one mix is judged, in JAX; judging does it for a batch; frechet for sets
run         the loop; store keeps what was found, so that it can be resumed; clips are for listening
summary     means, intervals, paired tests (statistics), groups
results     the files: tables in Markdown, LaTeX and HTML, and the report with its plots
"""
