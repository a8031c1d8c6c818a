"""Training stage: the loop and what it needs. `edit` trains an editor, `concept` a text-to-image model.

Public: `concept`, `distributed`, `edit`, `loop`, `memory`, `passes`, `task`.
"""
