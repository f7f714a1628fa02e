import torch
import torch.nn.functional as F

from ofa.train.losses import distillation_loss, label_loss


def test_a_student_that_equals_its_teacher_pays_the_teachers_entropy_only():
    teacher = torch.randn(6, 4)
    entropy = -(teacher.softmax(1) * teacher.log_softmax(1)).sum(1).mean()

    torch.testing.assert_close(distillation_loss(teacher, teacher), entropy)
    assert distillation_loss(torch.randn(6, 4), teacher) > entropy


def test_smoothing_moves_mass_from_the_label_to_all_labels():
    logits, labels = torch.randn(5, 10), torch.arange(5)
    target = 0.9 * F.one_hot(labels, 10) + 0.1 / 10

    expected = -(target * logits.log_softmax(1)).sum(1).mean()

    torch.testing.assert_close(label_loss(logits, labels, smoothing=0.1), expected)
