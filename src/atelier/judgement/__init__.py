"""Which of two pictures is better: asked of people (`atelier survey`) and of models (`atelier judge`), scored alike."""
