"""Embeddings of audio, for distances between sets of mixes.

protocol        Embedding: what an embedding is; make_embeddings finds them by name
encoder         the project's own: the mix encoder of a model
vggish          VGGish in Flax, with its own front end
vggish_weights  its weights from the files that people have
tensor_bundle   tensors out of TensorFlow checkpoints, without TensorFlow
"""

from diffmst_jax.embeddings.protocol import Embedding, encoder_model, make_embeddings

__all__ = ["Embedding", "encoder_model", "make_embeddings"]
