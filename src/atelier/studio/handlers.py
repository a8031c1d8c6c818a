"""What the events of the page do: read its fields, call `actions` and `session`, and say what to show."""

from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np

from atelier.common.errors import UserError
from atelier.studio import actions
from atelier.studio import session as sessions
from atelier.studio.actions import Wanted
from atelier.studio.jobs import CancelledJobError, Job
from atelier.studio.pictures import Strokes, copy_of, lay_over, map_change, read_strokes
from atelier.studio.session import Session
from atelier.studio.studio import Studio

GARMENT, WHOLE = "The garment it names", "The whole picture"
Updates = dict[Any, Any]  # component → its update


class Handlers:
    """Handlers of one page; `on` has its components by name."""

    def __init__(self, studio: Studio, on: SimpleNamespace) -> None:
        self._studio, self._on = studio, on
        results = [on.empty, on.results, on.compare, on.change, on.change_text, on.pair, on.mine, on.theirs, on.gallery]
        self.shown = [on.mask, on.canvas, *results, on.undo, on.turns, on.files]

    def open(self, file: str | None) -> Updates:
        """Begin with a picture file; refuse one that cannot be used in one line."""
        on = self._on
        if file is None:
            return self.clear()
        try:
            session = sessions.open_session(Path(file))
        except UserError as error:
            return {on.file: None, on.photo_message: _error(actions.tell(str(error)))}
        return {on.session: session, on.file: file, on.photo_message: gr.update(visible=False), **self._show(session)}

    def open_example(self, event: gr.SelectData) -> Updates:
        """Begin with an example picture."""
        return self.open(str(self._studio.examples[event.index]))

    def clear(self) -> Updates:
        """Go back to the page without a photograph."""
        on = self._on
        hidden = {one: gr.update(visible=False) for one in (on.mask, on.results, on.photo_message)}
        return {on.session: None, on.file: None, on.empty: gr.update(visible=True), **hidden}

    def find(self, session: Session | None, instruction: str, where: str, canvas: Any, editor: str,
             request: gr.Request) -> Iterator[Updates]:  # fmt: skip
        """Find the mask and show it, with what was painted."""

        def work(job: Job) -> Session:
            job.text = "Finding the garment"
            loaded = self._studio.editors.load(editor)
            strokes = _strokes(session, canvas)
            return sessions.with_region(session, actions.find_region(loaded, session, instruction, strokes))

        yield from self._run(session, work, request)

    def edit(self, session: Session | None, instruction: str, where: str, canvas: Any, editor: str, other: str | None,
             text: float, image: float, steps: float, seed: float | None, count: float,
             request: gr.Request) -> Iterator[Updates]:  # fmt: skip
        """Edit the picture, and show the steps while it is edited."""

        def work(job: Job) -> Session:
            whole = where == WHOLE
            wanted = Wanted(
                instruction, editor, other, int(seed or 0), int(count), int(steps), float(text), float(image),
                whole, None if whole else _strokes(session, canvas),
            )  # fmt: skip
            return actions.edit(job, self._studio.editors, session, wanted)

        yield from self._run(session, work, request)

    def cancel(self, request: gr.Request) -> None:
        """Cancel what this visitor waits for."""
        self._studio.jobs.cancel(request.session_hash)

    def choose(self, session: Session, event: gr.SelectData) -> Updates:
        """Compare and download another variant."""
        return self._step(lambda: sessions.choose(session, event.index))

    def go_on(self, session: Session) -> Updates:
        """Take the chosen variant as the picture to edit."""
        return self._step(lambda: sessions.go_on(session))

    def undo(self, session: Session) -> Updates:
        """Return to what was there before the last edit or turn."""
        return self._step(lambda: sessions.undo(session))

    def _run(self, session: Session | None, work: Callable[[Job], Session], request: gr.Request) -> Iterator[Updates]:
        """Put work in the queue, show its progress, then the session that it returns."""
        on = self._on
        if session is None:
            yield {on.message: _error("choose a photo first")}
            return
        job = self._studio.jobs.submit(request.session_hash, work)
        yield {on.edit: gr.update(interactive=False), on.cancel: gr.update(visible=True), on.message: _progress(job, 0)}
        told = None
        for _ in job.watch():
            ahead = self._studio.jobs.ahead(job)
            if told != (now := (job.text, job.done, ahead)):
                told = now
                yield {on.message: _progress(job, ahead)}
        ended: Updates = {on.edit: gr.update(interactive=True), on.cancel: gr.update(visible=False)}
        try:
            session = job.result()
        except CancelledJobError:
            yield {**ended, on.message: _line("Cancelled; nothing was changed.")}
        except UserError as error:
            yield {**ended, on.message: _error(actions.tell(str(error)))}
        else:
            notes = session.region.notes if session.region else ()
            found = _line(" ".join(f"{note[:1].upper()}{note[1:]}." for note in notes))
            yield {**ended, on.session: session, on.message: found, **self._show(session)}

    def _step(self, change: Callable[[], Session]) -> Updates:
        on = self._on
        try:
            session = change()
        except UserError as error:
            return {on.message: _error(str(error))}
        return {on.session: session, on.message: gr.update(visible=False), **self._show(session)}

    def _show(self, session: Session) -> Updates:
        """Return the updates that show a session."""
        on, shown = self._on, session.shown
        source = copy_of(session.source)
        background = source if session.region is None else lay_over(source, session.region.mask)
        updates: Updates = {
            on.mask: gr.update(visible=True),
            on.canvas: {"background": background, "layers": [], "composite": None},
            on.empty: gr.update(visible=shown is None),
            on.results: gr.update(visible=shown is not None),
            on.undo: gr.update(interactive=session.before is not None),
        }
        if shown is None:
            return updates
        before = session.source if session.variant else session.first
        change = map_change(before, shown.picture, shown.mask if session.variant else None)
        with_photo = session.photo in self._studio.examples
        return updates | {
            on.compare: (copy_of(before), copy_of(shown.picture)),
            on.change: change.map,
            on.change_text: _hint(change.text),
            on.gallery: _gallery(session),
            on.turns: _turns(session),
            on.files: actions.write_files(session, self._studio.folder, with_photo=with_photo),
            **self._pair(session),
        }

    def _pair(self, session: Session) -> Updates:
        """Return the updates that show a variant beside the same of the other editor."""
        on, variant = self._on, session.variant
        if variant is None or variant.other is None:
            return {on.pair: gr.update(visible=False)}
        sides = {on.mine: variant.edited, on.theirs: variant.other}
        images = {
            one: gr.update(value=copy_of(edited.picture), label=edited.record.turns[-1].editor)
            for one, edited in sides.items()
        }
        return {on.pair: gr.update(visible=True), **images}


def _strokes(session: Session, canvas: Any) -> Strokes | None:
    layers = (canvas or {}).get("layers") or []
    return read_strokes([np.asarray(layer) for layer in layers], session.source.size) if layers else None


def _gallery(session: Session) -> Any:
    seeds = actions.seeds_of(session.variants)
    pictures = [copy_of(one.edited.picture) for one in session.variants]
    shown = [(picture, f"seed {seed}") for picture, seed in zip(pictures, seeds, strict=True)]
    return gr.update(value=shown, visible=len(shown) > 1, selected_index=session.chosen if shown else None)


def _turns(session: Session) -> str:
    items = "".join(f"<li>{escape(instruction)}</li>" for instruction in session.turns)
    return f"<ol class='turns'>{items}</ol>"


def _progress(job: Job, ahead: int) -> Any:
    waiting = f"Waiting: {ahead} {'job' if ahead == 1 else 'jobs'} before this one"
    steps = f", step {min(job.done, job.steps)} of {job.steps}" if job.steps else ""
    text = waiting if ahead else f"{job.text}{steps}"
    return gr.update(value=f"<progress max='1' value='{job.share:.3f}'></progress>{_hint(text)}", visible=True)


def _hint(text: str) -> str:
    return f"<p class='hint'>{escape(text)}</p>"


def _line(text: str) -> Any:
    return gr.update(value=_hint(text), visible=bool(text))


def _error(text: str) -> Any:
    return gr.update(value=f"<p class='error' role='alert'>{escape(text)}</p>", visible=True)
