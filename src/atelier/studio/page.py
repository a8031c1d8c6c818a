"""The page: its parts from top to bottom, and which handler each event calls. Everything else is plain Python."""

from types import SimpleNamespace

import gradio as gr

from atelier.studio.actions import MOST_VARIANTS
from atelier.studio.handlers import GARMENT, WHOLE, Handlers
from atelier.studio.pictures import ADD, TAKE
from atelier.studio.studio import Studio

_EMPTY = "<div class='empty'>The edit appears here, beside the photograph.</div>"
_QUIET = {"show_progress": "hidden"}  # the page has a bar of its own


def make_theme() -> gr.themes.Base:
    """Return a theme that uses the fonts of the visitor's system."""
    font = [gr.themes.Font(name) for name in ("system-ui", "sans-serif")]
    mono = [gr.themes.Font(name) for name in ("ui-monospace", "monospace")]
    hues = {"primary_hue": "emerald", "secondary_hue": "stone", "neutral_hue": "stone"}
    theme = gr.themes.Base(**hues, font=font, font_mono=mono, radius_size="md", spacing_size="md")
    return theme.set(
        block_border_width="0px", block_shadow="none", block_background_fill="transparent", block_padding="0px",
        button_primary_background_fill="#1c1917", button_primary_background_fill_hover="#44403c",
        button_primary_text_color="#ffffff",
    )  # fmt: skip


def build_page(studio: Studio) -> gr.Blocks:
    """Return the page of a studio."""
    with gr.Blocks(title="atelier studio", fill_width=True, analytics_enabled=False) as page:
        on = SimpleNamespace(session=gr.State(None))
        with gr.Row(elem_id="columns"):
            with gr.Column(scale=4, min_width=360, elem_id="left"):
                _photo(on, studio)
                _instruction(on)
                _settings(on, studio)
                _run(on)
            with gr.Column(scale=7, min_width=480, elem_id="right"):
                _results(on)
        _wire(on, Handlers(studio, on))
    return page


def _heading(number: int, text: str) -> None:
    gr.HTML(f"<h2><span>{number}</span>{text}</h2>", padding=False)


def _photo(on: SimpleNamespace, studio: Studio) -> None:
    _heading(1, "Photo")
    on.file = gr.File(label="Drop a photo here, or click to choose one", height=130, elem_id="photo", show_label=False)
    on.examples = gr.Gallery(
        [str(path) for path in studio.examples], columns=6, rows=1, height=76, allow_preview=False, object_fit="cover",
        show_label=False, elem_id="examples", buttons=[], interactive=False, format="png",
    )  # fmt: skip
    on.photo_message = gr.HTML(visible=False, elem_id="photo-message", padding=False)


def _instruction(on: SimpleNamespace) -> None:
    _heading(2, "Instruction")
    on.instruction = gr.Textbox(
        placeholder="make the shirt red", show_label=False, container=False, max_lines=1, elem_id="instruction"
    )
    on.where = gr.Radio([GARMENT, WHOLE], value=GARMENT, show_label=False, container=False, elem_id="where")
    with gr.Column(visible=False, elem_id="mask") as on.mask:
        gr.HTML(
            f"<p class='hint'>Paint <b style='color:{ADD}'>green</b> to add to the mask, "
            f"<b style='color:{TAKE}'>red</b> to take away. Without strokes the garment is found.</p>",
            padding=False,
        )
        on.canvas = gr.ImageEditor(
            sources=(), transforms=(), layers=False, format="png", show_label=False, elem_id="canvas", buttons=[],
            brush=gr.Brush(colors=[ADD, TAKE], default_color=ADD, color_mode="fixed"), eraser=gr.Eraser(), height=340,
        )  # fmt: skip
        on.find = gr.Button("Show the mask", size="sm", elem_id="find")


def _settings(on: SimpleNamespace, studio: Studio) -> None:
    editors, generate = studio.editors, studio.editors.settings.generate
    with gr.Accordion("Settings", open=False, elem_id="settings"):
        with gr.Row():
            on.text = gr.Slider(0, 20, generate.guidance_text, step=0.1, label="Strength (text guidance)")
            on.image = gr.Slider(0, 5, generate.guidance_image, step=0.1, label="Image guidance")
        with gr.Row():
            on.steps = gr.Slider(1, 100, generate.steps, step=1, label="Steps", elem_id="steps")
            on.seed = gr.Number(generate.seed, label="Seed", precision=0, minimum=0)
        on.editor = gr.Dropdown(editors.names, value=editors.names[0], label="Editor", elem_id="editor")
        none = [("no other", None)]
        on.other = gr.Dropdown(none + [(n, n) for n in editors.names], value=editors.base, label="Compare with")


def _run(on: SimpleNamespace) -> None:
    _heading(3, "Edit")
    on.count = gr.Slider(1, MOST_VARIANTS, 1, step=1, label="Variants", elem_id="variants")
    with gr.Row():
        on.edit = gr.Button("Edit", variant="primary", elem_id="edit")
        on.cancel = gr.Button("Cancel", visible=False, elem_id="cancel")
    on.message = gr.HTML(visible=False, elem_id="message", padding=False)


def _results(on: SimpleNamespace) -> None:
    _heading(4, "Compare")
    on.empty = gr.HTML(_EMPTY, padding=False)
    with gr.Column(visible=False, elem_id="results") as on.results:
        with gr.Tabs():
            with gr.Tab("Before and after"):
                on.compare = gr.ImageSlider(
                    show_label=False, format="png", elem_id="compare", buttons=["fullscreen"], max_height=480,
                    interactive=False,
                )  # fmt: skip
            with gr.Tab("What changed"):
                on.change_text = gr.HTML(padding=False)
                on.change = _image("change")
            with gr.Tab("Two editors", visible=False) as on.pair, gr.Row():
                on.mine, on.theirs = _image("mine", show_label=True), _image("theirs", show_label=True)
        on.gallery = gr.Gallery(
            columns=4, height="auto", allow_preview=False, show_label=False, elem_id="gallery", format="png",
            object_fit="contain", interactive=False, visible=False, buttons=[],
        )  # fmt: skip
        with gr.Row():
            on.go_on = gr.Button("Edit this result", elem_id="go-on")
            on.undo = gr.Button("Undo", elem_id="undo")
        on.turns = gr.HTML(elem_id="turns", padding=False)
        on.files = gr.File(label="Download", file_count="multiple", interactive=False, elem_id="files")


def _image(name: str, *, show_label: bool = False) -> gr.Image:
    return gr.Image(show_label=show_label, format="png", elem_id=name, buttons=[], interactive=False, height=520)


def _wire(on: SimpleNamespace, do: Handlers) -> None:
    opened = [on.session, on.file, on.photo_message, *do.shown]
    on.file.upload(do.open, on.file, opened, **_QUIET)
    on.examples.select(do.open_example, None, opened, **_QUIET)
    on.file.clear(do.clear, None, opened, **_QUIET)
    mask = [on.session, on.instruction, on.where, on.canvas]
    chosen = [on.editor, on.other, on.text, on.image, on.steps, on.seed, on.count]
    run = [on.session, on.edit, on.cancel, on.message, *do.shown]
    on.find.click(do.find, [*mask, on.editor], run, **_QUIET)
    gr.on([on.edit.click, on.instruction.submit], do.edit, [*mask, *chosen], run, **_QUIET)
    on.cancel.click(do.cancel, None, None, queue=False, **_QUIET)
    on.gallery.select(do.choose, on.session, run, **_QUIET)
    on.go_on.click(do.go_on, on.session, run, **_QUIET)
    on.undo.click(do.undo, on.session, run, **_QUIET)
