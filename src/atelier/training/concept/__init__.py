"""The concept task: teach a text-to-image model a concept from a few images (DreamBooth, Textual Inversion, LoRA).

base = loading.load_model("models/base/painter")
rows = dataset.read_folder(Path("logo"), base.size, "a red plate with <logo>")
task = ConceptTask(methods.prepare(base, settings), dataset.encode_rows(base, rows), settings, validate)
*_, finished = loop.train(task, store)         # `validate` sees the model after each epoch
model = with_tensors(task.trainable.model, finished.tensors)
methods.save(model, settings, Path("out"))     # a folder that diffusers' own loader takes
images = text_to_image.generate(model, prompts, seeds, steps=20, guidance=7.5)
"""
