"""Edit photographs on a page of this machine: state, jobs and pictures of the page in plain Python, gradio around them.

Public: `editors`, `server`.
"""
